/* version -- of shopd, for people: in the metric shopd_build_info. */
#ifndef VERSION_H
#define VERSION_H

#define SHOPD_VERSION "0.1.0"

#endif
