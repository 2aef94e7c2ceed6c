"""Open or closed, and which? A ranked answer for stated work, under stated conditions, with its reasons.

`question` is what was asked, `options` what could do it, `costs` what each would cost, `conditions` why some fall out,
`ranking` how the rest compare, `sensitivity` what would change the answer, `answer` all of it together.
"""
