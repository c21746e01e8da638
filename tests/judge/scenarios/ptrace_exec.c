/* Tells whether it was started securely. */
#include <stdio.h>
#include <sys/auxv.h>

int main(void)
{
    printf("secure %lu\n", getauxval(AT_SECURE));
    return 0;
}
