#include "rows.h"
const row_table opener_rows = {0, 0};
