"""Operations: their data classes, and the statements that record, acquire and end them."""
