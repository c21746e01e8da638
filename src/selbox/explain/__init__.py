"""Decisions in words: from contexts or audit records to a question, from the server's explanation to an answer.

Commands and libraries call it. It decides nothing: whatever an answer says, the security server has said.
"""
