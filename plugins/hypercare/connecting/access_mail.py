"""The mail that asks a customer's Coupa admin for access: read scopes only, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hypercare.connecting.scopes import ScopeNeed

LETTER = """\
Subject: Read-only API access to your Coupa instance{whose}

Dear Coupa administrator,

your company has gone live with Coupa, and for the first weeks we look after it together with you ("hypercare"). Each
week we check that orders, invoices{and_payments} flow as they should. For that we need to read from {instances}.
We only read: nothing in your instance is created, changed or marked as exported.

Could you please set up one OAuth2 client for us?

1. In Coupa's set-up, under OAuth2/OpenID Connect Clients, create a client with the grant type "Client credentials".
   "hypercare, read only" would be a good name for it.
2. Please give it these scopes, without which we can't judge a week:

{required}
{optional}
{number}. Please send us the client's identifier, its secret, the address of your instance (such as acme.coupahost.com)
   and the list of the scopes that you granted. Please do not send the secret by mail: use the secure way that your
   project manager has agreed with you.
{without}
You can withdraw the client at any time.

Thank you very much, and kind regards
Your hypercare team
"""
WITHOUT = """
An optional scope that you would rather not grant is no obstacle: what rests on it shows as "not available".
"""
OPTIONAL = """
3. These are optional. Each shows you more:

{scopes}
"""


def write_access_mail(needs: Sequence[ScopeNeed], engagement: str = "", instances: Sequence[str] = ()) -> str:
    """Return the mail for an engagement's instances; without a name, for a customer that is not in hypercare yet."""
    required = [need for need in needs if need.required]
    optional = [need for need in needs if not need.required]
    pays = any(feed == "payments" for need in required for feed in need.feeds)
    named = " and ".join(instances)
    return LETTER.format(
        whose=f" ({engagement})" if engagement else "",
        and_payments=" and payments" if pays else "",
        instances=f"your {'instances' if len(instances) > 1 else 'instance'} {named}" if named else "your instance",
        required="\n".join(map(_say_scope, required)),
        optional=OPTIONAL.format(scopes="\n".join(map(_say_scope, optional))) if optional else "",
        number=4 if optional else 3,
        without=WITHOUT if optional else "",
    )


def _say_scope(need: ScopeNeed) -> str:
    feeds = ", ".join(feed.replace("_", " ") for feed in need.feeds)
    purposes = f"; for example: {', '.join(need.purposes)}" if need.purposes and not need.required else ""
    return f"   - {need.scope}  ({feeds}{purposes})"
