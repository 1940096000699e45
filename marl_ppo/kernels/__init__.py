"""Arithmetic that loops are compiled from: matrix products and functions of float32."""
