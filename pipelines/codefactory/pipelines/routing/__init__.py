"""Which model is asked: routes by role, with fallbacks, circuit breakers, rate limits and a cache of replies.

configured.py    from settings to a RoutedModel      choice.py       which model of a route begins
routed_model.py  RoutedModel, and one question to it  endpoint.py     circuit breaker and rate limits
reply_cache.py   replies that need not be paid twice  rate_limit.py   the token bucket
"""
