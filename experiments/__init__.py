"""Runnable experiments: ``python -m experiments`` lists them, ``python -m experiments.NAME --help`` explains one.

Modules without a ``main`` are what the experiments are made of: problems (``problem``, ``retail``, ``online_shop``,
``scenarios``), who solves them (``heuristics``, ``learners``), what is computed (``comparison``, ``published``,
``gaps``, ``speed``) and what is written (``figures``, ``output``).
"""
