"""Finds, drives and observes one implementation."""
