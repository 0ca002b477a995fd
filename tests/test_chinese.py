"""The guide and the glossary in Chinese: nothing is missing, links lead somewhere, each term has one translation."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIALS, FOLDER = ROOT / "tutorials", ROOT / "tutorials" / "zh"
PAGES = {name: (FOLDER / name).read_text(encoding="utf-8") for name in ("README.md", "glossary.md")}
GUIDE = PAGES["README.md"]
ROW = re.compile(r"^\| (.+?) \| (.+?) \|(?: (.+?))? \| \[[^]]+\]\((.+?)\) \|$", re.M)
TERMS = [row.groups() for row in ROW.finditer(PAGES["glossary.md"])]
RIVALS = {"隐藏状态": "隐状态 隐层状态 隐含状态", "细胞状态": "单元状态 元胞状态 记忆状态", "遗忘门": "忘记门", "前向传播": "正向传播 前馈传播",
          "反向传播": "逆向传播 后向传播 反传", "时间反向传播": "沿时间反向传播 通过时间的反向传播 随时间反向传播", "梯度裁剪": "梯度截断 梯度剪裁",
          "梯度消失": "梯度弥散", "早停": "早期停止 提前停止", "随机失活": "丢弃法 暂退法", "基线": "基准线 基准模型", "批次": "批量 批大小",
          "掩码": "掩膜 遮罩", "注意力": "关注机制", "嵌入": "词向量", "困惑度": "复杂度", "过拟合": "过度拟合 过配",
          "中心差分": "中央差分 双侧差分", "学习率": "学习速率", "权重": "权值", "偏置": "偏差项 偏移量", "门": "闸门 闸"}


def used(term, place):
    """Whether the text of a file has this English term, over the ends of lines and their #."""
    text = re.sub(r"\s+(?:# )?", " ", place.read_text(encoding="utf-8"))
    return re.search(rf"(?<!\w){re.escape(term)}(s|es)?(?!\w)", text, re.I)


def test_the_pages_that_people_open_first_lead_here():
    for page, link in (ROOT / "README.md", "tutorials/zh/README.md"), (TUTORIALS / "README.md", "zh/README.md"):
        assert f"]({link})" in "\n".join(page.read_text(encoding="utf-8").splitlines()[:4]), page


@pytest.mark.parametrize("name", PAGES)
def test_each_link_leads_somewhere(name):
    links = re.findall(r"\]\((.+?)\)", PAGES[name])
    assert links and not [link for link in links if not (FOLDER / link).exists()]


def test_each_tutorial_exercise_and_command_is_in_the_guide():
    for path in TUTORIALS.glob("[0-9][0-9]_*.py"):
        said = re.search(rf"\*\*{int(path.stem[:2])}\. \[.+?\]\(\.\./{path.name}\)\*\*(.+?)\n\n", GUIDE, re.S)
        assert said and 3 <= len(re.findall("[。；]", said[1])), path.name
    for path in TUTORIALS.glob("exercises/ex*.py"):
        assert re.search(rf"^\| {int(path.stem[2:4])} `{path.stem}` \| .{{12,}} \|$", GUIDE, re.M), path.name
    shown = subprocess.run([sys.executable, "-m", "minirnn", "--help"], cwd=ROOT, capture_output=True, text=True).stdout
    commands = re.findall(r"^    ([a-z]+) ", shown.split("commands:")[1], re.M)
    assert {"gradcheck", "forecast"} < set(commands)
    scripts = [path.name for path in TUTORIALS.glob("[a-z]*.py") if "__main__" in path.read_text("utf-8")]
    for command in [*(f"python -m minirnn {name}" for name in commands), *(f"python tutorials/{s}" for s in scripts)]:
        assert command in GUIDE, command
    for command in ('pip install -e ".[test]" && python -m minirnn', "pytest"):
        assert f"\n    {command}\n" in GUIDE and f"$ {command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_each_option_in_the_guide_exists():
    for script, options in ("check", "watch hint why list reset"), ("notebook", "out execute"):
        text = (TUTORIALS / f"{script}.py").read_text(encoding="utf-8")
        for option in options.split():
            assert f"--{option}" in GUIDE and re.search(f'"(--)?{option}"', text), option


def test_the_screens_are_those_of_the_checker(tmp_path):
    ignored = shutil.ignore_patterns("figures", "my", "__pycache__")
    copied = shutil.copytree(TUTORIALS, tmp_path / "tutorials", ignore=ignored)
    attempt = copied / "my" / "ex01_slopes_from_outputs.py"
    attempt.parent.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}

    def screen(returned, *options):
        attempt.write_text(f"def slopes(s, h):\n    {returned}\n")
        return subprocess.run([sys.executable, str(copied / "check.py"), "01", *options], env=environment, cwd=tmp_path,
                              encoding="utf-8", stdout=subprocess.PIPE).stdout

    wrong = re.search(r"`(return .+?)`", GUIDE)[1]
    first, why, passed = re.findall(r"```text\n(.+?)```", GUIDE, re.S)
    assert screen(wrong) == first
    assert why in screen(wrong, "--why")
    assert screen(wrong.replace("1 - h", "1 - h**2")) == passed


def test_each_term_is_used_where_the_glossary_says():
    rows = [line for line in PAGES["glossary.md"].splitlines() if line.startswith("| ") and "English" not in line]
    assert len(rows) == len(TERMS) >= 60
    assert not [(term, place) for _, term, _, place in TERMS if not used(term, FOLDER / place)]


def test_no_term_stands_in_two_translations():
    for column in (0, 1):
        counted = Counter(row[column].lower() for row in TERMS)
        assert max(counted.values()) == 1, counted.most_common(3)
    assert RIVALS.keys() <= {chinese for chinese, *_ in TERMS}
    for page in (words.split("## 别的书里的叫法")[0] for words in PAGES.values()):
        assert not [rival for rivals in RIVALS.values() for rival in rivals.split() if rival in page]


def test_the_terms_of_the_textbooks_are_in_the_glossary():
    for chinese in "隐藏状态 细胞状态 遗忘门 输入门 输出门 反向传播 截断的时间反向传播 梯度裁剪 早停 基线 残差 掩码 困惑度".split():
        assert chinese in {row[0] for row in TERMS}, chinese
