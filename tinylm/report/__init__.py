"""Results -> figures, tables, sentences, executed notebooks, the README's tables and the report."""
