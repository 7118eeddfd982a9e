/* SPDX-License-Identifier: MIT
 *
 * The personality routine of frames that no exception goes through: asked while the unwinder
 * looks for a handler, it ends the search, and the one who raised gets an error.
 */
#include "nothrow.h"

#include <unwind.h>

/* Only the unwinder calls it. */
_Unwind_Reason_Code fw_nothrow_personality(int version, _Unwind_Action actions,
                                           _Unwind_Exception_Class kind,
                                           struct _Unwind_Exception *exception,
                                           struct _Unwind_Context *context);

_Unwind_Reason_Code fw_nothrow_personality(int version, _Unwind_Action actions,
                                           _Unwind_Exception_Class kind,
                                           struct _Unwind_Exception *exception,
                                           struct _Unwind_Context *context)
{
    (void)version;
    (void)kind;
    (void)exception;
    (void)context;
    return actions & _UA_FORCE_UNWIND ? _URC_CONTINUE_UNWIND : _URC_FATAL_PHASE1_ERROR;
}
