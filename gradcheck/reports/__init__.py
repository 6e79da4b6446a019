"""What is told: a report as text, as a page, as pictures, and all reports of a session.

In reading order: `text`, `page`, `pictures`, `session`.
"""
