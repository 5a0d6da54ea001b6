// Link types by libpcap's own numbers (DLT), which differ from those in files for a few.
#pragma once

#include "capture/source.h"

namespace microcloud {

/// The DLT that libpcap uses in memory for a type that stands in a file.
int dlt_of(LinkType type);

/// For messages: the number, and the name where there is one.
std::string link_type_text(LinkType type);

}  // namespace microcloud
