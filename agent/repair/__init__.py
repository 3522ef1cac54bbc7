"""How a repair is read, decided and carried out."""
