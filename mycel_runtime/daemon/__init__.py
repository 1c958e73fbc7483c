"""
The process.

Keeps: settings become objects in one place (`assembly`); every task has a parent that ends after it; a stop drains
what is running, a second one does not wait; the supervisor is told the truth. Imports everything below but the
command line.
"""
