"""Requests to hosts that the policy allows, at addresses that are looked at before they are connected to.

addresses.py   which addresses are nobody's but ours          connecting.py   connections to addresses that were checked
client.py      one exchange: policy, redirects, bounds        decoding.py     bodies, never larger than they may be
request.py     what is sent                                   credentials.py  bearer, basic, key, OAuth2
rates.py       so many requests a host, so often              pages.py        the next page of a listing
failures.py    what went wrong, as a step's failure           schema.py       whether an answer is as expected
"""
