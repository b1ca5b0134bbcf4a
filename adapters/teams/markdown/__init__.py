"""A model's Markdown made fit for Teams; read `pieces` first.

Teams knows bold, italics, code, quotes, lists and links in a message, and neither headings, tables, rules nor formulas
(https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages). And a model can be talked
into writing what must not reach a client: a picture whose address carries the conversation away as it is fetched.

So a text is not patched but read by a parser and written anew, and every word that is not this program's markup is
escaped.
"""
