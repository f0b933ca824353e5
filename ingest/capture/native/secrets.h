/* May a command line hold a secret? Python knows how to take secrets out (`redact.py`); the front
 * only knows when to leave a command line to it at once, and asks too often rather than too rarely. */

#ifndef PROVGRAPH_SECRETS_H
#define PROVGRAPH_SECRETS_H

#include "noise.h"

/* Words that name a secret where no letter goes before or follows. */
static const char *const secret_names[] = {
    "pass", "password", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "token",
    "credential", "credentials", "cookie", "key", "keyid", "apikey", "accesskey", "accesskeyid",
    "privatekey", "accountkey", "secretkey", "auth", "authorization", "bearer", "basic", "sas",
    "dsn", "connection", "connectionstring", "sig", "signature", NULL,
};

/* What keys that are known by their shape begin with. */
static const char *const secret_shapes[] = {
    "AKIA", "ASIA", "AGPA", "AROA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_",
    "glpat-", "xoxa-", "xoxb-", "xoxp-", "xoxo-", "xoxs-", "xoxr-", "sk-", "hf_", "AIza", "eyJ",
    "-----BEGIN", NULL,
};

/* Programs to which a letter means a password; their words are many. */
static const char *const secret_programs[] = {SECRETIVE, NULL};
enum { PROGRAM_WORDS = 6 };

static bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

static bool begins_any(struct slice text, const char *const *of, bool whole_word) {
    for (; *of; of++) {
        size_t n = length_of(*of), i = 0;
        if (text.size < n) continue;
        while (i < n && (text.at[i] == (*of)[i] ||
                         (whole_word && is_letter(text.at[i]) && (text.at[i] | 32) == (*of)[i])))
            i++;
        if (i == n && !(whole_word && n < text.size && is_letter(text.at[n]))) return true;
    }
    return false;
}

static bool may_be_secret(struct slice word) {
    bool address = false, at_sign = false;
    for (size_t n = 0; n < word.size; n++) {
        struct slice rest = {word.at + n, word.size - n};
        at_sign = at_sign || *rest.at == '@';
        address = address || (*rest.at == ':' && begins(rest, "://"));
        if (n && is_word(word.at[n - 1])) continue;
        if ((is_letter(*rest.at) && begins_any(rest, secret_names, true)) ||
            begins_any(rest, secret_shapes, false))
            return true;
    }
    return address && at_sign;
}

static bool is_secretive(struct slice word, int place) {
    return place < PROGRAM_WORDS && is_any(last_part(word), secret_programs);
}

#endif
