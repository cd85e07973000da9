"""Runnable experiments: ``python -m experiments`` lists them, ``python -m experiments.NAME --help`` explains one.

Modules without a ``main`` are what the experiments are made of: problems (``problem``, ``retail``, ``retail_item``,
``online_shop``, ``scenarios``), who solves them (``heuristics``, ``learners``), who forecasts (``forecasters``,
``forecast_peers``), what is computed (``published``, ``gaps``, ``speed``, ``speed_training``, ``speed_forecasts``) and
what is written (``figures``, ``forecast_table``, ``panel_figure`` of describe_demand, ``output``). Those that tune,
train and compare share a command line (``command``) and a course (``comparison``); their own are ``steered_stores`` of
ppo_multiwarehouse, ``whole_orders`` of dqn_replenishment, ``stock_levels`` of a3c_stock_forecast and ``shop_prices`` of
sac_pricing. On demand that is simulated, ``side_by_side`` judges and writes for ``beer_game`` of marl_supply_chain,
``feared_days`` of ddpg_risk, ``wired_networks`` of pathwise_network and ``generations`` of dcl_lost_sales.
``order_problems``, ``forecast_orders`` and ``order_table`` are the problems, the course and the table of
forecast_to_order.
"""
