"""Thousands of short lives of one door, booked, cancelled, cut off and visited: each sale, each opening."""
