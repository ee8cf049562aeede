"""Input from strangers: worst cases, mutants of the zoo, and a coverage-guided fuzzer."""
