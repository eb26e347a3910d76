"""What nbgrader is told in this folder, which is a course in its sense.

`nbgrader generate_assignment 03_unet` and all its other commands work from here.
"""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "simple-segmentation"
c.ClearSolutions.code_stub = {
    "python": 'raise NotImplementedError("not attempted")',
}
c.ClearSolutions.text_stub = "YOUR ANSWER HERE"
# An ablation trains for a while; a loop that never ends is stopped.
c.ExecutePreprocessor.timeout = 300
