"""How the shipped family of small encoders was trained: ``python -m family`` trains it again.

These programs use the library and are not installed with it.
"""
