#include "rows.h"
const row_table nursery_rows = {0, 0};
