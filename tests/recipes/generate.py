"""Writes the texts of the tiny recipe, prose.txt and topic.csv, beside this file: the same bytes every time."""

import csv
import random
from pathlib import Path

HERE = Path(__file__).parent
WORDS = {
    "farm": (["farmer", "cow", "field", "barn", "plough"], ["feeds", "sows", "mows", "fences", "waters"]),
    "sea": (["sailor", "whale", "harbour", "ship", "net"], ["steers", "hauls", "moors", "catches", "tows"]),
}


def sentence(draw: random.Random, topic: str) -> str:
    nouns, verbs = WORDS[topic]
    subject, thing = draw.sample(nouns, 2)
    return f"The {draw.choice(['old', 'young', 'grey'])} {subject} {draw.choice(verbs)} the {thing}."


def main() -> None:
    draw = random.Random(0)
    paragraphs = [
        " ".join(sentence(draw, topic) for _ in range(draw.randint(3, 6))) for topic in draw.choices(list(WORDS), k=120)
    ]
    (HERE / "prose.txt").write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")
    rows = {}
    while len(rows) < 96:
        topic = draw.choice(list(WORDS))
        rows[f"{sentence(draw, topic)} {sentence(draw, topic)}"] = topic
    with open(HERE / "topic.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(rows.items())


if __name__ == "__main__":
    main()
