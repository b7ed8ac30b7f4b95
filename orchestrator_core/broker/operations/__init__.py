"""Operations: what they are, and the statements that record, acquire and end them."""
