# SPDX-License-Identifier: Apache-2.0
"""What the situations of the end-to-end suite share: server, tokens, programs, peers, proxies and networks."""
