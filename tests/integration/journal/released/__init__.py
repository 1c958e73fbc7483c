"""Journals as releases have left them."""
