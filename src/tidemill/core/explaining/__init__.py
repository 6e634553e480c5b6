"""Why a run, a task or a step is as it is: one sentence, a stable code, and the evidence."""
