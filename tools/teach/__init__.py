"""What a teacher works with: assignments handed out and graded, slides, worksheets."""
