# The workflow is workflow/Snakefile; this file lets `-s CLONE/Snakefile` name it too.
include: "workflow/Snakefile"


use rule all as default
