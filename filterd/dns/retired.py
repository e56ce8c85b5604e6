"""retired - DNS lists that are no more, each with what became of it.

Owns:   RETIRED, reason.
A dead list costs time at best; at worst its domain is bought, or its last keeper tires of the questions,
and every address is "listed". These zones and all below them are never asked, whatever the settings say.
"""

from __future__ import annotations

from filterd.mail.domain import parents

# zone: what happened. The whole tree below a name is meant.
RETIRED: dict[str, str] = {
    "ahbl.org": 'AHBL ended in 2014 and has answered "listed" for everything since 2015',
    "blackholes.easynet.nl": "Easynet ended its lists in 2003",
    "blackholes.five-ten-sg.com": "five-ten-sg ended in 2012",
    "blackholes.us": "blackholes.us ended in 2008",
    "blackholes.wirehub.net": "Wirehub ended its lists in 2003",
    "bl.csma.biz": "McFadden's lists ended in 2011",
    "bl.emailbasura.org": "emailbasura.org ended in 2011",
    "bl.spamcannibal.org": "SpamCannibal ended in 2018; its expired domain listed everything",
    "bl.technovision.dk": "technovision.dk ended its list in 2013",
    "burnt-tech.com": "Burnt-Tech's domain expired and listed everything",
    "cbl.abuseat.org": "the CBL is part of Spamhaus XBL: zen.spamhaus.org has it",
    "dnsbl.inps.de": "inps.de ended its list in 2020",
    "dnsbl.net.au": "dnsbl.net.au ended in 2009",
    "dnsrbl.net": "dnsrbl.net ended in 2007 and listed everything",
    "dsbl.org": "DSBL went down in 2008, its nameservers in 2009",
    "intruders.docs.uu.se": "the list of intruders.docs.uu.se ended in 2003",
    "ix.dnsbl.manitu.net": "NiX Spam ended in January 2025",
    "mail-abuse.org": "MAPS has been a commercial service of Trend Micro since 2005",
    "megarbl.net": "megarbl.net ended in 2016; its expired domain listed everything",
    "monkeys.com": "the monkeys.com lists ended in 2003",
    "njabl.org": "NJABL ended in 2013",
    "opm.blitzed.org": "blitzed.org ended its list in 2006",
    "orbs.org": "ORBS ended in 2001",
    "orbz.org": "ORBZ ended in 2002",
    "ordb.org": 'ORDB ended in 2006 and has answered "listed" for everything since 2008',
    "relays.osirusoft.com": "Osirusoft ended in 2003 by listing everything",
    "relays.visi.com": "relays.visi.com ended in 2004",
    "rfc-ignorant.org": "RFC-Ignorant ended in 2012",
    "sbl-xbl.spamhaus.org": "Spamhaus replaced it: zen.spamhaus.org",
    "sorbs.net": "SORBS ended on 2024-06-05, its zones are empty",
    "spambag.org": "spambag.org ended in 2010",
    "unsubscore.com": "the UBL of unsubscore.com is offline",
    # single lists of services that have one zone for all of them now
    "ab.surbl.org": "SURBL has one zone: multi.surbl.org",
    "jp.surbl.org": "SURBL has one zone: multi.surbl.org",
    "ob.surbl.org": "SURBL has one zone: multi.surbl.org",
    "ph.surbl.org": "SURBL has one zone: multi.surbl.org",
    "sc.surbl.org": "SURBL has one zone: multi.surbl.org",
    "ws.surbl.org": "SURBL has one zone: multi.surbl.org",
}


def reason(zone: str) -> str:
    """What became of a list, "" for one that is not known to be dead."""
    for name in parents(zone.lower().strip(".")):
        if name in RETIRED:
            return RETIRED[name]
    return ""
