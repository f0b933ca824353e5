/* May a command line hold a secret? Python knows how to take secrets out (`redact.py`); the front
 * only knows when to leave a command line to it at once, and asks too often rather than too rarely. */

#ifndef PROVGRAPH_SECRETS_H
#define PROVGRAPH_SECRETS_H

#include "noise.h"

/* Words that name a secret where no letter goes before or follows. */
static const struct slice secret_names[] = {
    WORD("pass"), WORD("password"), WORD("passwd"), WORD("passphrase"), WORD("passcode"), WORD("pwd"), WORD("secret"), WORD("secrets"), WORD("token"),
    WORD("credential"), WORD("credentials"), WORD("cookie"), WORD("key"), WORD("keyid"), WORD("apikey"), WORD("accesskey"), WORD("accesskeyid"),
    WORD("privatekey"), WORD("accountkey"), WORD("secretkey"), WORD("auth"), WORD("authorization"), WORD("bearer"), WORD("basic"), WORD("sas"),
    WORD("dsn"), WORD("connection"), WORD("connectionstring"), WORD("sig"), WORD("signature"), {NULL, 0},
};

/* What keys that are known by their shape begin with. */
static const struct slice secret_shapes[] = {
    WORD("AKIA"), WORD("ASIA"), WORD("AGPA"), WORD("AROA"), WORD("ghp_"), WORD("gho_"), WORD("ghu_"), WORD("ghs_"), WORD("ghr_"), WORD("github_pat_"),
    WORD("glpat-"), WORD("xoxa-"), WORD("xoxb-"), WORD("xoxp-"), WORD("xoxo-"), WORD("xoxs-"), WORD("xoxr-"), WORD("sk-"), WORD("hf_"), WORD("AIza"), WORD("eyJ"),
    WORD("-----BEGIN"), {NULL, 0},
};

/* Programs to which a letter means a password; their words are many. */
static const struct slice secret_programs[] = {SECRETIVE, {NULL, 0}};
enum { PROGRAM_WORDS = 6 };

static bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

static bool begins_any(struct slice text, const struct slice *of, bool whole_word) {
    for (; of->at; of++) {
        size_t n = of->size, i = 0;
        if (text.size < n || ((*text.at ^ *of->at) & ~32)) continue;
        while (i < n && (text.at[i] == of->at[i] ||
                         (whole_word && is_letter(text.at[i]) && (text.at[i] | 32) == of->at[i])))
            i++;
        if (i == n && !(whole_word && n < text.size && is_letter(text.at[n]))) return true;
    }
    return false;
}

static bool may_be_secret(struct slice word) {
    /* So gcc names to the linker the libraries that its plugin leaves alone: in every link. */
    static const struct slice passed_on = WORD("-plugin-opt=-pass-through=");
    if (begins(word, passed_on.at)) word.at += passed_on.size, word.size -= passed_on.size;
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
