nlm_unit_test(test_dim LIBS nlm_ir)
nlm_unit_test(test_fold LIBS nlm_ir)
nlm_unit_test(test_rewrite LIBS nlm_gradcheck)
nlm_unit_test(test_reference LIBS nlm_gradcheck)
