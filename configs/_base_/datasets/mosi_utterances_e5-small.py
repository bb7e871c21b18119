# The same utterances for e5-small (arXiv 2212.03533), a BERT of 12 layers by 384 that was trained
# to read "query: " before a text; another encoder (--encoder) was not.
_base_ = "mosi_utterances.py"
encoder = "intfloat/e5-small"
encoder_architecture = dict(
    model_type="bert",
    hidden_size=384,
    num_hidden_layers=12,
    num_attention_heads=12,
    intermediate_size=1536,
)
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(tokenizer=encoder, text_prefix="query: ")
)
