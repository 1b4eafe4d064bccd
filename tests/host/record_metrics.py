#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Metrics of random predictions as scikit-learn computes them: tests/host/recorded/metrics.json.

    build/test-venv/bin/python tests/host/record_metrics.py >tests/host/recorded/metrics.json

With a program, the tests of it that read the file are run on other cases, and more of them:

    record_metrics.py PROGRAM
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
from scipy.stats import pearsonr
from sklearn import metrics as sk

AVERAGES = ["micro", "macro", "weighted"]
SCORES = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}
NUMBERS = {
    "mse": sk.mean_squared_error,
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "r2": sk.r2_score,
}


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def of_hard_classes(labels, predicted, classes):
    """What needs no logits."""
    yield {"name": "accuracy"}, sk.accuracy_score(labels, predicted)
    yield {"name": "balanced_accuracy"}, sk.balanced_accuracy_score(labels, predicted)
    yield {"name": "matthews"}, sk.matthews_corrcoef(labels, predicted)
    matrix = sk.confusion_matrix(labels, predicted, labels=range(classes))
    yield {"name": "confusion_matrix"}, matrix.tolist()
    for name, score in SCORES.items():
        if classes == 2:
            yield {"name": name}, score(labels, predicted)
        for average in AVERAGES:
            yield {"name": name, "average": average}, score(labels, predicted, average=average)


def of_classes(labels, logits, ties):
    classes = logits.shape[1]
    probabilities, everything = softmax(logits), range(classes)
    yield from of_hard_classes(labels, logits.argmax(1), classes)
    yield {"name": "log_loss"}, sk.log_loss(labels, y_proba=probabilities, labels=everything)
    yield {"name": "perplexity"}, np.exp(-np.log(probabilities[range(len(labels)), labels]).mean())
    scores = logits[:, 1] - logits[:, 0] if classes == 2 else logits
    ranked = probabilities[:, 1] if classes == 2 else logits
    for k in range(1, classes + 1):
        entry = {"name": "top_k_accuracy", "k": k}
        yield entry, sk.top_k_accuracy_score(labels, ranked, k=k, labels=everything)
    if classes == 2:
        yield {"name": "roc_auc"}, sk.roc_auc_score(labels, scores)
    elif not ties:  # equal but for a last digit, which no two softmax round alike
        for average in AVERAGES:
            area = sk.roc_auc_score(labels, probabilities, multi_class="ovr", average=average, labels=everything)
            yield {"name": "roc_auc", "average": average}, area


def of_labels(labels, logits):
    predicted = logits > 0
    yield {"name": "accuracy"}, sk.accuracy_score(labels, predicted)
    for average in AVERAGES:
        for name, score in SCORES.items():
            yield {"name": name, "average": average}, score(labels, predicted, average=average)
        yield {"name": "roc_auc", "average": average}, sk.roc_auc_score(labels, logits, average=average)


def of_numbers(labels, predicted):
    for name, function in NUMBERS.items():
        yield {"name": name}, function(labels, predicted)
    if len(labels) > 1:
        yield {"name": "pearson"}, np.mean([pearsonr(x, y)[0] for x, y in zip(labels.T, predicted.T)])


def tensor(values):
    kind = "float" if values.dtype.kind == "f" else "int"
    return {"type": kind, "shape": values.shape, "data": values.ravel().tolist()}


def case(predictions, labels, results, problem_type="", shift=False):
    results = list(results)
    for entry, _ in results:
        entry |= {"shift": True} if shift else {}
    return {
        "problem_type": problem_type,
        "predictions": tensor(predictions),
        "labels": tensor(labels),
        "metrics": [entry for entry, _ in results],
        "expected": [value for _, value in results],
    }


class Cases:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def number(self, least, most):
        return int(self.random.integers(least, most + 1))

    def numbers(self, *shape):
        """Eighths where there are to be ties."""
        numbers = self.random.normal(scale=2, size=shape)
        self.ties = self.random.random() < 0.5
        return np.round(numbers * 8) / 8 if self.ties else numbers.astype(np.float32).astype(np.float64)

    def classes(self, classes, *shape):
        """Sometimes not of all classes, and sometimes with some that do not count."""
        labels = self.random.integers(0, self.number(1, classes), size=shape)
        if self.random.random() < 0.5:
            labels[self.random.random(size=shape) < 0.3] = -100
            labels.flat[-1] = 0  # one counts
        return labels

    def rows(self):
        classes, rows = self.number(2, 6), self.number(1, 30)
        logits, labels = self.numbers(rows, classes), self.classes(classes, rows)
        counted = labels != -100
        yield case(logits, labels, of_classes(labels[counted], logits[counted], self.ties))
        hard = logits.argmax(1)
        most = int(max(labels[counted].max(), hard[counted].max())) + 1
        yield case(hard, labels, of_hard_classes(labels[counted], hard[counted], most)) if most > 2 else None

    def tokens(self):
        classes, rows, length = self.number(3, 5), self.number(1, 5), self.number(2, 6)
        logits, labels = self.numbers(rows, length, classes), self.classes(classes, rows, length)
        for shift in (False, True):
            x, y = (logits[:, :-1], labels[:, 1:]) if shift else (logits, labels)
            counted = y != -100
            yield case(logits, labels, of_classes(y[counted], x[counted], self.ties), shift=shift)

    def pixels(self):
        logits, labels = self.numbers(2, 3, 4, 2), self.classes(3, 2, 4, 2)
        counted = labels != -100
        last = np.moveaxis(logits, 1, -1)
        yield case(logits, labels, of_classes(labels[counted], last[counted], self.ties))

    def one_output(self):
        rows = self.number(1, 20)
        logits, labels = self.numbers(rows), self.random.integers(0, 2, size=rows).astype(np.float64)
        both = np.stack([np.zeros(rows), logits], 1)
        for shape in ((rows,), (rows, 1)):
            results = of_classes(labels.astype(int), both, self.ties)
            yield case(logits.reshape(shape), labels, results, "multi_label_classification")

    def several_labels(self):
        rows, outputs = self.number(1, 20), self.number(2, 4)
        logits, labels = self.numbers(rows, outputs), self.random.integers(0, 2, size=(rows, outputs))
        yield case(logits, labels, of_labels(labels, logits))

    def quantities(self):
        rows, outputs = self.number(1, 20), self.number(1, 3)
        labels, predicted = self.numbers(rows, outputs), self.numbers(rows, outputs)
        if self.random.random() < 0.2:
            labels[:, 0] = 1.5  # all the same
        results = of_numbers(labels, predicted)
        yield case(predicted, labels.ravel() if outputs == 1 else labels, results, "regression")

    def all(self, count):
        kinds = [self.rows, self.tokens, self.pixels, self.one_output, self.several_labels, self.quantities]
        return [one for _ in range(count) for kind in kinds for one in kind() if one]


def main(program=None):
    warnings.simplefilter("ignore")  # NaN and 0 where a metric is not defined
    if program is None:
        cases = Cases(0).all(3)
        return print("[\n" + ",\n".join(json.dumps(one) for one in cases) + "\n]")
    with tempfile.TemporaryDirectory(prefix="trainer-recorded-") as name:
        recorded = pathlib.Path(name) / "metrics.json"
        cases = Cases(1).all(10)
        recorded.write_text(json.dumps(cases))
        command = [program, "--gtest_filter=RecordedMetrics.*", "--gtest_brief=1"]
        subprocess.run(command, env=os.environ | {"TRAINER_RECORDED_METRICS": str(recorded)}, check=True)
    print(f"{sum(len(one['metrics']) for one in cases)} metrics of {len(cases)} evaluations are scikit-learn's")


if __name__ == "__main__":
    main(*sys.argv[1:])
