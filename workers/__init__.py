"""What happens after the answer: blocks are applied, lost work is found again."""
