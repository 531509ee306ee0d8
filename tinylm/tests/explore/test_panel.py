import subprocess
import sys

from tinylm import files


def test_panels_load_no_torch_before_a_model_computes():
    code = "import sys, tinylm as tl; [getattr(tl.explore, name)() for name in tl.explore.__all__]; print({'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=files.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
