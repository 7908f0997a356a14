"""Worlds and pictures: above assembly."""
