/* The rows of the option table, which several files bring together; see settings.c. */
#ifndef KN_SERVICE_SETTINGS_ROWS_H
#define KN_SERVICE_SETTINGS_ROWS_H

#include "service/settings.h"

struct kn_settings_row {
    unsigned commands; /* enum kn_command_set; 0 ends a list */
    struct kn_option option;
};

extern const struct kn_settings_row kn_publish_rows[], kn_account_rows[], kn_sandbox_rows[];

#endif
