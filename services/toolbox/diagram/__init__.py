"""Draws a stage from its Compose model.

    docker compose config --format json | diagram > stage.svg
    docker compose config --format json | diagram --dot       the graphviz source instead

Names, addresses, networks, published ports and memory limits are Compose's own. What Compose cannot
know is said in labels of the services:

    lab.kind        server | outside | hidden     hidden is not drawn (tools); every service has a kind
    lab.note        a few words under the name
    lab.programs    one program a line:   ID | NAME | WHAT IT DOES
    lab.calls       one arrow a line, from the side that calls:
                        [PROGRAM] -> TARGET : WHAT [tls] [via NETWORK]
                        [PROGRAM] <-> TARGET : WHAT ...          both call each other; one line is enough
    lab.role        primary, replica, active, standby: a badge beside the name
    lab.tier        servers of the same tier stand side by side in one frame
    lab.virtual-ip  NAME | ADDRESS                the same line on every server that can carry it
    lab.firewall    the program that filters; the server's box becomes a wall

PROGRAM is one of the service's own; left out, the service itself calls. WHAT is protocol and port as
they should be read ("HTTP 80", "DNS 53/udp"); after a comma a new line begins ("SQL, Unix socket").
TARGET is one of

    shopd           a program of the same service      server-1/nginx  a program of another service
    server-1        a service                          web, web/nginx  every server of a tier
    *, */agent      every other server                 site            a virtual IP, by its name

A call that every server of a tier makes alike is drawn once, from the frame. The network of an arrow
is the smallest that both ends are on, unless "via" names another. The browser of the learner comes
from the published ports, the title from "x-lab-title" at the top of the Compose file.

Every box has the id node-SERVICE or node-SERVICE-PROGRAM, every arrow edge-FROM--TO--WHAT, and the
classes say what it is (server, outside, program; call, tls, plain, local, net-NETWORK).
Anything that points nowhere, or that this page does not know, is an error and nothing is drawn.
"""
