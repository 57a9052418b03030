nlm_unit_test(test_attention LIBS nlm_reference SOURCES small_model.c run_model.c)
