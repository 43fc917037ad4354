"""窓口: cash, slips, monthly invoices, one link for a month."""
