"""Vocabulary: amounts, ids, choices, facts, wishes, effects, errors. Types and integer arithmetic only."""
