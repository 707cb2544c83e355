// Prints what llama.cpp encodes: one line of ids per text. For the goldens of GGUF tokenizers, by hand only.
//
//   g++ -O1 -I <llama.cpp>/include -I <llama.cpp>/ggml/include llama_tokens.cpp -o llama_tokens <libllama> <libggml> <libggml-base>
//   llama_tokens vocabulary.gguf < texts
//
// A text on standard input is its size in bytes, 32 bits little endian, and its UTF-8. BOS is added where the file asks
// for it; control tokens that are spelled in a text are not read.

#include "llama.h"

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

int main(int, char ** argv) {
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    llama_backend_init();
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    llama_model * model = llama_model_load_from_file(argv[1], params);
    if (model == nullptr) return 1;
    const llama_vocab * vocab = llama_model_get_vocab(model);
    uint32_t size = 0;
    while (fread(&size, sizeof size, 1, stdin) == 1) {
        std::string text(size, '\0');
        if (fread(text.data(), 1, size, stdin) != size) return 1;
        std::vector<llama_token> ids(size * 2 + 16);
        const int count = llama_tokenize(vocab, text.data(), (int) size, ids.data(), (int) ids.size(), true, false);
        for (int i = 0; i < count; i++) printf("%d ", ids[i]);
        printf("\n");
    }
}
