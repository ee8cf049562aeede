"""Input from strangers: worst cases of every kind, mutants of the zoo, and a coverage-guided fuzzer."""
