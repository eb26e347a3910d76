"""What a teacher makes from the chapters: slides, worksheets, assignments, grades."""
