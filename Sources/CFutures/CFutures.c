#include "CFutures.h"
