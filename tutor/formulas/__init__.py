"""What is spoken about: numbers, formulas, equations, and the small grammar that reads them."""
