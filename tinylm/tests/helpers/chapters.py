"""Notebooks in a few words, and the text of the pages that the report makes of them."""

import html
import re
from html.parser import HTMLParser

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output


def write(path, cells):
    nbformat.write(new_notebook(cells=[text(cell) if isinstance(cell, str) else cell for cell in cells]), path)
    return path


def text(source, *tags):
    return new_markdown_cell(source, metadata={"tags": list(tags)})


def code(outputs, *tags, source="tl.display"):
    return new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)})


def printed(text):
    return [new_output("stream", text=text)]


class Words(HTMLParser):
    """The text of a page, each element of `tag` on its own."""

    def __init__(self, tag):
        super().__init__()
        self.tag, self.found, self.inside = tag, [], False

    def handle_starttag(self, tag, attrs):
        if tag == self.tag:
            self.inside = True
            self.found.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != self.tag

    def handle_data(self, data):
        if self.inside:
            self.found[-1] += data


def words(page, tag):
    parser = Words(tag)
    parser.feed(page)
    return parser.found


def words_of(page):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", page)))


PROSE = r"""# What the models read

**Bold**, *italic*, ~~struck~~, `d_model`, [a page](https://example.org/a?b=c&d=e#f), [the next](02_part2.ipynb), [a file](../docs/LOG.md),
a price of $5 to $10, \$6 and $x_i$; "quoted" -- it's --- fine ... at -0.5 nats, KN-5, 2014-2015 &amp; C:\\path. It scores $\ln V$.

$$
\mathcal{L} = -\frac{1}{N}\sum_i \log p(x_i \mid x_{<i})
$$

- one
  - nested $x^2$

3. third

> Quoted.

```python
specs = [1]  # not [a](b)
```

RoPE [(Su et al. 2024)](https://arxiv.org/abs/2104.09864) [(Vaswani et al. 2017)](https://arxiv.org/abs/1706.03762) loses $-0.1$
as [Merity et al. 2018](https://arxiv.org/abs/1708.02182) say.

---

<!-- a remark -->

## Method

### A "formula" $y$
"""
