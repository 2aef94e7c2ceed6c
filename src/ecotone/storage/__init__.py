"""Connections, transactions and migrations. What is stored is declared by the subjects that store it."""
