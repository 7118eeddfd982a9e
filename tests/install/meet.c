/* SPDX-License-Identifier: MIT
 *
 * A listener and its client, with a key.
 */
#include <furrow_manager.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int visit(const char *address)
{
    furrow_client_options o = {.authkey = "key", .authkey_size = 3};
    furrow_connection *c = furrow_client_open(address, &o, furrow_in(10));

    return !c || furrow_connection_send(c, "met", 4, furrow_in(10)) != 0;
}

int main(void)
{
    furrow_listener_options o = {.authkey = "key", .authkey_size = 3};
    furrow_listener *l = furrow_listener_open(NULL, &o);
    furrow_connection *c;
    char text[8];

    if (l && fork() == 0)
        _exit(visit(furrow_listener_address(l)));
    c = furrow_listener_accept(l, furrow_in(10));
    if (furrow_connection_recv(c, text, sizeof text, NULL, furrow_in(10)) < 0) {
        furrow_perror("meet");
        return 1;
    }
    puts(text);
    wait(NULL);
    return furrow_connection_close(c) || furrow_listener_close(l);
}
