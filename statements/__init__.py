"""What partners owe in boxes: balances, monthly statements, what partners answer, charges."""
